"""Chat templates of the shapes that model families use, and tokenizers of the kinds they come with.

The wording is ours; on the embedded model's tokenizer the families' control tokens are ChatML's.
"""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

EMBEDDED = "models/smollm2-135m-instruct"

_ALTERNATING = (
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}" + _ALTERNATING + "{{ '<|im_start|>' "
    "+ ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim "
    "+ '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>model\n' }}"
    "{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}" + _ALTERNATING + "{% if m.role == 'user' %}"
    "{{ '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}"
    "{% endfor %}"
)
VICUNA = (
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{{ 'ASSISTANT: ' + m.content + eos_token }}{% else %}{{ 'USER: ' + m.content + ' ' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
ZEPHYR = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% if date_string is not defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{% set own = messages[0].role == 'system' %}"
    "{{ '<|im_start|>system\n\nToday Date: ' + date_string + '\n\n' }}"
    "{{ (messages[0].content | trim if own else '') + '<|im_end|>' }}"
    "{% for m in messages[1:] if own %}"
    "{{ '<|im_start|>' + m.role + '\n\n' + m.content | trim + '<|im_end|>' }}{% endfor %}"
    "{% for m in messages if not own %}"
    "{{ '<|im_start|>' + m.role + '\n\n' + m.content | trim + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"
)
_NO_THOUGHT = "{{ '<think>\n\n</think>\n\n' }}"
_WITHOUT_THINKING = (
    "{% if enable_thinking is defined and not enable_thinking %}" + _NO_THOUGHT + "{% endif %}"
)
_QWEN = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{% set text = m.content %}"
    "{% set thought = '' %}{% if '</think>' in text %}"
    "{% set thought = text.split('</think>')[0].split('<think>')[-1].strip('\n') %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "{{ '<|im_start|>assistant\n' }}{% if loop.last or thought %}"
    "{{ '<think>\n' + thought + '\n</think>\n\n' }}{% endif %}{{ text + '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}OPENING{% endif %}"
)
QWEN3 = _QWEN.replace("OPENING", _WITHOUT_THINKING)
QWEN35 = _QWEN.replace(
    "OPENING",
    _WITHOUT_THINKING.replace("{% endif %}", "{% else %}{{ '<think>\n' }}{% endif %}"),
)
R1 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' "
    "+ m.content.split('</think>')[-1] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}{% endif %}"
)
GLM = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
USABLE = {
    "chatml": CHATML,
    "gemma": GEMMA,
    "mistral": MISTRAL,
    "vicuna": VICUNA,
    "zephyr": ZEPHYR,
    "phi3": PHI3,
    "llama3": LLAMA3,
    "qwen3": QWEN3,
    "glm": GLM,
}
_TEXT = "The river rises in the hills. The ferry is old. It crosses at dawn. Yes. No. " * 40


def embedded(template):
    """Return the embedded model's tokenizer with another template."""
    tokenizer = AutoTokenizer.from_pretrained(EMBEDDED)
    tokenizer.chat_template = template
    return tokenizer


def sentencepiece_like(scheme, template):
    """Train a small tokenizer of the Llama-2 kind, which marks the beginnings of words.

    Args:
        scheme: Where a text gets a space of its own in front: `first`, `always`, or `legacy` for
            the normalizer that older tokenizers have for it.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if scheme == "legacy":
        steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        tokenizer.normalizer = normalizers.Sequence(steps)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", scheme, split=True)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    words = (f"{word} " for word in f"{Path('README.md').read_text()} {_TEXT}".split())
    tokenizer.train_from_iterator(
        words, trainers.BpeTrainer(vocab_size=1200, special_tokens=special, max_token_length=12)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        chat_template=template,
    )
