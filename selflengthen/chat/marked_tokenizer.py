"""A tokenizer that tells a template's control tokens from those that a text merely spells.

A rendered conversation is one string, and a token's ids depend on what stands beside it, so it has
to be encoded as a whole. Before it is rendered, special tokens that a text spells are put out of
sight; afterwards the frame's own get marks, which a copy of the tokenizer reads as those tokens,
and the text's come back as the characters that they are.
"""

import re
import secrets
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from tokenizers import AddedToken

# Private use: no template looks for it, no normalizer changes it.
_MARK = "\ue000{}\ue001"


class MarkedTokenizer:
    """Encodes rendered text as one piece; safe to use from several threads."""

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - of transformers
        self._tokenizer = tokenizer
        tokens = sorted(_special_tokens(tokenizer))
        # Nobody can write a mark into a text: its name is drawn anew in each process.
        secret = secrets.token_hex(8)
        self._hidden = {t: _MARK.format(f"{secret}t{n}") for n, t in enumerate(tokens)}
        self._framed = {t: _MARK.format(f"{secret}f{n}") for n, t in enumerate(tokens)}
        self._cut = _MARK.format(f"{secret}cut")
        self._special = _any_of(tokens)
        known = _added_tokens(tokenizer)
        # What stands before one of these is encoded by itself, wherever they are.
        self._border = _any_of(t for t in tokens if t in known and not known[t].lstrip)
        self._hidden_mark = _any_of(self._hidden.values())
        self._spelled = {mark: token for token, mark in self._hidden.items()}

    def hide(self, text: str) -> str:
        """Put special tokens that a text spells out of a template's and the tokenizer's sight."""
        return self._special.sub(lambda match: self._hidden[match[0]], text)

    def show(self, text: str) -> str:
        """Return a text with what `hide` put out of sight."""
        return self._hidden_mark.sub(lambda match: self._spelled[match[0]], text)

    def encode(self, rendered: str) -> list[int]:
        """Encode a rendered text whose user texts went through `hide`."""
        marked = self._special.sub(lambda match: self._framed[match[0]], rendered)
        if self._copy is None:
            return self._encode_slowly(marked)
        ids = self._copy.encode(self.show(marked), add_special_tokens=False).ids
        return [self._real_ids.get(token, token) for token in ids]

    def encode_parts(self, beginning: str, rest: str) -> tuple[list[int], list[int]]:
        """Encode a text that is also used without its rest, and the rest as in the whole."""
        start = max((match.start() for match in self._border.finditer(beginning)), default=0)
        head, tail = beginning[:start], beginning[start:]
        head_ids = self.encode(head) if head else []
        tail_ids, ids = self.encode(tail), self.encode(tail + rest)
        if ids[: len(tail_ids)] == tail_ids:
            return head_ids + tail_ids, ids[len(tail_ids) :]
        # The whole has another token where the two meet, but the beginning is used as it is.
        return head_ids + tail_ids, self._encode_after(tail, rest, tail_ids)

    def _encode_after(self, beginning: str, rest: str, beginning_ids: list[int]) -> list[int]:
        """Encode what follows a text whose ids stay as they are.

        A tokenizer that puts a space of its own before every piece has put it in already.
        """
        if self._copy is None:
            return self.encode(rest)
        whole = self._decode(self.encode(beginning + rest))
        for text in (rest, rest.removeprefix(" ")):
            ids = self.encode(f"{beginning}{self._cut}{text}")
            rest_ids = ids[ids.index(self._copy.token_to_id(self._cut)) + 1 :]
            if self._decode([*beginning_ids, *rest_ids]) == whole:
                break
        return rest_ids

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    @cached_property
    def _copy(self) -> Any:  # noqa: ANN401 - of tokenizers
        """A copy of a fast tokenizer in which only marks stand for special tokens."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        copy = type(backend).from_str(backend.to_str())
        copy.no_truncation()
        copy.no_padding()
        known = _added_tokens(self._tokenizer)
        copy.add_tokens(
            [_like(known.get(token), mark) for token, mark in self._framed.items()]
            + [_like(None, self._cut)]
        )
        copy.encode_special_tokens = True
        return copy

    @cached_property
    def _real_ids(self) -> dict[int, int]:
        """The ids of special tokens by those of their marks."""
        return {
            self._copy.token_to_id(mark): self._tokenizer.convert_tokens_to_ids(token)
            for token, mark in self._framed.items()
        }

    def _encode_slowly(self, marked: str) -> list[int]:
        """Encode with a tokenizer in Python, which cuts at special tokens anyway."""
        tokens = {mark: token for token, mark in self._framed.items()}
        ids: list[int] = []
        for piece in re.split(f"({_any_of(tokens).pattern})", marked):
            if piece in tokens:
                ids.append(self._tokenizer.convert_tokens_to_ids(tokens[piece]))
            elif piece:
                ids += self._tokenizer.encode(
                    self.show(piece), add_special_tokens=False, split_special_tokens=True
                )
        return ids


def _added_tokens(tokenizer: Any) -> dict[str, AddedToken]:  # noqa: ANN401 - of transformers
    return {str(token): token for token in tokenizer.added_tokens_decoder.values()}


def _special_tokens(tokenizer: Any) -> set[str]:  # noqa: ANN401 - of transformers
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    return added | set(tokenizer.all_special_tokens)


def _like(token: AddedToken | None, mark: str) -> AddedToken:
    """Return a token that is found where another one would be."""
    if token is None:
        return AddedToken(mark, special=False, normalized=False)
    return AddedToken(
        mark,
        special=False,
        normalized=token.normalized,
        lstrip=token.lstrip,
        rstrip=token.rstrip,
        single_word=token.single_word,
    )


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Match any of some texts, the longest first; none if there are none."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or r"(?!)")
