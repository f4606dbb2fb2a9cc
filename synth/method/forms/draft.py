"""Watching the drafts of stage 1: what will be in the head is judged while the rest is written."""

from collections.abc import Callable

from synth.engine.base import WatchCall
from synth.method.forms.text_form import TextForm


def watch_head(
    watch: WatchCall, form: TextForm, watch_draft: WatchCall | None
) -> Callable[[str], str | None]:
    """Show a watch the head of a draft as it grows: what is lost there is lost whatever follows.

    Args:
        watch_draft: Sees the whole draft.
    """
    draft = shown = ""

    def watch_stage_1(delta: str) -> str | None:
        nonlocal draft, shown
        draft += delta
        if watch_draft and (reason := watch_draft(delta)):
            return reason
        if "\n" not in delta:
            return None
        head = form.sure_head(draft)
        more, shown = head[len(shown) :], head
        return watch(more) if more else None

    return watch_stage_1


def watch_spliced(watch: WatchCall, form: TextForm, head: str) -> Callable[[str], str | None]:
    """Show a watch what the filter will see: the head and stage 2, joined."""
    beginning: str | None = ""

    def watch_stage_2(delta: str) -> str | None:
        nonlocal beginning
        if not delta:
            return None
        if beginning is None:
            return watch(delta)
        beginning += delta
        if not form.shows_seam(head, beginning):
            return None
        joined, beginning = form.splice(head, beginning).text, None
        return watch(joined)

    return watch_stage_2
