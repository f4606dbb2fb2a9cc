"""Loading the tokenizer of a chat model."""

from typing import Any, Protocol

from transformers import AutoTokenizer

from selflengthen.errors import ConfigError, first_line


class HubModel(Protocol):
    """Which model: a Hub id or a folder."""

    @property
    def name(self) -> str:
        """Hub id or local folder."""

    @property
    def revision(self) -> str | None:
        """Branch, tag or commit of a Hub model."""

    @property
    def trust_remote_code(self) -> bool:
        """Whether code that the model's repository brings may run."""


def load_tokenizer(model: HubModel) -> Any:  # noqa: ANN401 - of transformers
    """Load a model's tokenizer, which must have a chat template.

    Raises: ConfigError: there is none, or it has no chat template.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            model.name, revision=model.revision, trust_remote_code=model.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"model.name: cannot load a tokenizer from {model.name!r}: {first_line(error)}; give a "
            "Hub id or a folder, and model.trust_remote_code for one with code of its own"
        ) from None
    if not tokenizer.chat_template:
        raise ConfigError(f"model.name: {model.name!r} has no chat template; use an instruct model")
    return tokenizer
