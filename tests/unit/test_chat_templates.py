"""Chat templates of many families: one encoding, the template's own, in serving and in training."""

from datetime import date

import pytest
from transformers import ByT5Tokenizer

from chat_templates import (
    CHATML,
    GEMMA,
    LLAMA3,
    MISTRAL,
    QWEN3,
    QWEN35,
    R1,
    USABLE,
    VICUNA,
    ZEPHYR,
    embedded,
    sentencepiece_like,
)
from selflengthen.chat.encoding import ChatEncoder, ChatTemplateError

USER = [{"role": "user", "content": "Write about the river."}]
WITH_SYSTEM = [{"role": "system", "content": "Be long."}, *USER]
TURNS = [*USER, {"role": "assistant", "content": "It rises."}, {"role": "user", "content": "More."}]
ANSWER = "The river rises in the hills.\n\nThe ferry is old."
THOUGHT = "<think>\nI should plan three parts.\n</think>\n\nThe river rises in the hills."
SCHEMES = {"mistral": MISTRAL, "vicuna": VICUNA, "zephyr": ZEPHYR, "chatml": CHATML}
# Kinds whose whole has another token where prompt and answer meet, with such an answer.
SEAMS = {"llama3": ANSWER, "legacy vicuna": "Yes"}


@pytest.fixture(scope="module")
def tokenizers():
    made = {name: embedded(template) for name, template in USABLE.items()}
    for scheme in ("first", "always", "legacy"):
        for name, template in SCHEMES.items():
            made[f"{scheme} {name}"] = sentencepiece_like(scheme, template)
    made["bytes chatml"] = ByT5Tokenizer(chat_template=CHATML)
    return made


@pytest.fixture(scope="module")
def encoders(tokenizers):
    return {kind: ChatEncoder(tokenizer, {}) for kind, tokenizer in tokenizers.items()}


KINDS = [
    *USABLE,
    *(f"{scheme} {name}" for scheme in ("first", "always", "legacy") for name in SCHEMES),
    "bytes chatml",
]


def whole_of(tokenizer, messages, answer):
    turns = [*messages, {"role": "assistant", "content": answer}]
    return tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("messages", [USER, TURNS], ids=["user", "turns"])
def test_a_prompt_has_the_template_s_own_ids(tokenizers, encoders, kind, messages):
    tokenizer = tokenizers[kind]
    own = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert encoders[kind].encode_prompt(messages) == own


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SEAMS])
@pytest.mark.parametrize("answer", [ANSWER, "Yes", "- a list\n- of two"])
def test_prompt_and_answer_have_the_ids_of_the_whole(tokenizers, encoders, kind, answer):
    encoder = encoders[kind]
    answer_ids, _ = encoder.encode_answer(USER, answer)
    assert [*encoder.encode_prompt(USER), *answer_ids] == whole_of(tokenizers[kind], USER, answer)


@pytest.mark.parametrize(("kind", "answer"), SEAMS.items())
def test_at_such_a_seam_the_prompt_is_as_it_is_served(tokenizers, encoders, kind, answer):
    tokenizer, encoder = tokenizers[kind], encoders[kind]
    prompt_ids, (answer_ids, _) = encoder.encode_prompt(USER), encoder.encode_answer(USER, answer)
    whole = whole_of(tokenizer, USER, answer)
    assert whole[: len(prompt_ids)] != prompt_ids
    assert tokenizer.decode([*prompt_ids, *answer_ids]) == tokenizer.decode(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_trained_begins_with_what_is_served_as_prefill(encoders, kind):
    encoder = encoders[kind]
    answer_ids, _ = encoder.encode_answer(USER, ANSWER)
    beginning = encoder.encode_beginning(USER, "The river rises in the hills.")
    assert [*encoder.encode_prompt(USER), *answer_ids][: len(beginning)] == beginning


@pytest.mark.parametrize("kind", KINDS)
def test_control_tokens_that_texts_spell_stay_text(tokenizers, encoders, kind):
    tokenizer, encoder = tokenizers[kind], encoders[kind]
    spelled = f"a {tokenizer.eos_token} b{tokenizer.eos_token}"
    hostile = [{"role": "user", "content": spelled}]
    plain_ids = [*encoder.encode_prompt(USER), *encoder.encode_answer(USER, ANSWER)[0]]
    hostile_ids = [*encoder.encode_prompt(hostile), *encoder.encode_answer(hostile, spelled)[0]]
    assert hostile_ids.count(tokenizer.eos_token_id) == plain_ids.count(tokenizer.eos_token_id)
    decoded = tokenizer.decode(hostile_ids)
    assert decoded.count(tokenizer.eos_token) >= 4
    beginning = encoder.encode_beginning(USER, spelled)
    assert beginning.count(tokenizer.eos_token_id) == encoder.encode_prompt(USER).count(
        tokenizer.eos_token_id
    )


@pytest.mark.parametrize("kind", ["chatml", "first mistral"])
def test_private_characters_of_a_text_are_its_own(tokenizers, encoders, kind):
    encoder = encoders[kind]
    text = "\ue000answer\ue001 \ue0000f1\ue001"
    messages = [{"role": "user", "content": text}]
    assert encoder.encode_prompt(messages) == tokenizers[kind].apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert text in tokenizers[kind].decode(encoder.encode_answer(USER, text)[0])


@pytest.mark.parametrize(("template", "opening"), [(QWEN3, ""), (QWEN35, "<think>\n")])
def test_a_completion_with_a_thinking_trace_ends_in_one_block(template, opening):
    tokenizer = embedded(template)
    encoder = ChatEncoder(tokenizer, {})
    prompt = tokenizer.decode(encoder.encode_prompt(USER))
    trained = tokenizer.decode(encoder.encode_answer(USER, THOUGHT)[0])
    assert prompt.endswith("assistant\n" + opening)
    assert opening + trained == f"{THOUGHT}<|im_end|>\n"


@pytest.mark.parametrize(
    ("template", "kwargs", "message"),
    [
        (QWEN3, {"enable_thinking": False}, "differently when this answer follows"),
        (QWEN35, {"enable_thinking": False}, "differently when this answer follows"),
        (R1, {}, "differently when this answer follows"),
        (CHATML.replace("m.content", "m.content.split('</think>')[-1]"), {}, "leaves a part"),
    ],
)
def test_a_trace_that_the_template_cannot_place_is_refused(template, kwargs, message):
    with pytest.raises(ChatTemplateError, match=message):
        ChatEncoder(embedded(template), kwargs).encode_answer(USER, THOUGHT)


EMPTY_BLOCK = "<think>\n\n</think>\n\n"
ALWAYS_EMPTY = CHATML.replace("assistant\n", f"assistant\n{EMPTY_BLOCK}").replace(
    "m.content", f"('{EMPTY_BLOCK}' if m.role == 'assistant' else '') + m.content"
)


@pytest.mark.parametrize(
    ("template", "answer"), [(QWEN3, "<think>\nI never end."), (ALWAYS_EMPTY, THOUGHT)]
)
def test_a_trace_beside_a_block_of_the_template_s_is_refused(template, answer):
    encoder = ChatEncoder(embedded(template), {})
    encoder.encode_answer(USER, ANSWER)
    with pytest.raises(ChatTemplateError, match="a thinking block of its own before that of the"):
        encoder.encode_answer(USER, answer)


@pytest.mark.parametrize(
    ("template", "messages", "message"),
    [
        (GEMMA, WITH_SYSTEM, "refuses turns of system, user: System role not supported"),
        (MISTRAL, WITH_SYSTEM, "refuses turns of system, user: Conversation roles must alternate"),
        ("{% for m in messages %}{{ m.content }", USER, "refuses turns of user: unexpected '}'"),
        ("{{ messages[5].content }}", USER, "refuses turns of user: .*no element 5"),
        ("{{ messages[0].content + 1 }}", USER, "refuses turns of user: can only concatenate"),
        ("{{ 1 // 0 }}", USER, "refuses turns of user: .*zero"),
        ("{% for m in messages %}{{ m.nothing.at.all }}{% endfor %}", USER, "has no attribute"),
        ({"chat": CHATML, "tool_use": CHATML}, USER, "multiple chat templates with no default"),
        (
            "{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}"
            "{% endfor %}",
            USER,
            "does not render the text of messages as it is",
        ),
        (CHATML.replace("m.content", "m.content | tojson"), USER, "does not render the text"),
        (CHATML.replace("m.content", "m.content | escape"), USER, "does not render the text"),
        (CHATML.replace("m.content", "m.content[:9]"), USER, "does not render the text"),
        (
            CHATML.split("{% if")[0],
            USER,
            r"ignores add_generation_prompt: .*'<\|im_start\|>assistant\\n'",
        ),
        (QWEN35, USER, r"opens <think> .*; set model.chat_template_kwargs: {enable_thinking: f"),
        (R1, USER, "opens <think> .*; use a chat template or a model that does not"),
        (QWEN35.replace("think>", "seed:think>"), USER, "opens <seed:think>"),
        ("{{ raise_exception('a\nb') }}", USER, "refuses turns of user: a$"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_in_its_own_words(template, messages, message):
    with pytest.raises(ChatTemplateError, match=message) as caught:
        ChatEncoder(embedded(template), {}).check(messages, is_answered=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_usable_templates_pass_the_check(encoders, kind):
    encoders[kind].check(USER, is_answered=True)


def test_thinking_that_is_switched_off_passes_the_check():
    ChatEncoder(embedded(QWEN35), {"enable_thinking": False}).check(USER, is_answered=True)
    ChatEncoder(embedded(QWEN35), {}).check(USER)


def test_a_template_is_told_the_run_s_day():
    tokenizer = embedded(LLAMA3)
    first, second = (
        ChatEncoder(tokenizer, {}, day) for day in (date(2024, 2, 29), date(2025, 3, 1))
    )
    assert "Today Date: 29 Feb 2024" in tokenizer.decode(first.encode_prompt(USER))
    assert "Today Date: 01 Mar 2025" in tokenizer.decode(second.encode_beginning(USER, "x"))


def test_a_date_in_the_configuration_goes_before_the_run_s_day():
    tokenizer = embedded(LLAMA3)
    encoder = ChatEncoder(tokenizer, {"date_string": "May 1"}, date(2024, 2, 29))
    assert "Today Date: May 1" in tokenizer.decode(encoder.encode_prompt(USER))


@pytest.mark.parametrize("kind", ["chatml", "mistral", "vicuna", "always vicuna", "qwen3"])
def test_choices_part_where_their_answers_do(encoders, kind):
    encoder = encoders[kind]
    prompt_ids, next_ids = encoder.encode_choices(USER, ["Yes", "No"])
    for choice, next_id in zip(["Yes", "No"], next_ids, strict=True):
        answered = [*encoder.encode_prompt(USER), *encoder.encode_answer(USER, choice)[0]]
        assert answered[: len(prompt_ids) + 1] == [*prompt_ids, next_id]
    assert len(set(next_ids)) == 2
