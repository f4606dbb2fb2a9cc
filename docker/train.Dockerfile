# `train`, without vLLM: its torch is the trainer's own. BASE chooses the hardware:
#   GPU: PyTorch's image, which brings torch
#   CPU: any Debian with python3 and pip; TORCH names the CPU build
ARG BASE=pytorch/pytorch:2.11.0-cuda12.8-cudnn9-runtime

FROM ${BASE} AS packages
ARG TORCH=torch
# Where pip finds the CPU build of torch: an index, or a page of links. Empty for a GPU.
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /app
COPY pyproject.toml docker/requirements.py ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 requirements.py train > requirements.txt \
    && python3 -m pip install "${TORCH}" -r requirements.txt

FROM packages AS wheel
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip wheel --no-deps --wheel-dir /wheels .

FROM packages
RUN useradd --uid 1000 --non-unique --create-home worker \
    && install -d -o worker /runs /models /huggingface
COPY configs configs
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-deps /wheels/*.whl
USER worker
ENV HF_HOME=/huggingface
VOLUME ["/runs", "/models", "/huggingface"]
ENTRYPOINT []
CMD ["train", "--help"]
