"""Copies of a model folder with another chat template, or other settings of its tokenizer."""

import json
import shutil
from pathlib import Path


def variant(model, folder, template=None, **files):
    """Write a copy; return its folder.

    Args:
        template: The chat template: a text, a list of named ones, or None for the model's own.
        files: Keys to change in `NAME.json`, None to remove one; None for a whole file to delete.
    """
    folder.mkdir(parents=True)
    for path in Path(model).iterdir():
        if path.suffix == ".safetensors":
            (folder / path.name).symlink_to(path.resolve())
        else:
            shutil.copy(path, folder)
    if template is not None:
        (folder / "chat_template.jinja").unlink(missing_ok=True)
        files["tokenizer_config"] = {"chat_template": template, **files.get("tokenizer_config", {})}
    for name, changes in files.items():
        _change(folder / f"{name}.json", changes)
    return folder


def _change(path, changes):
    if changes is None:
        path.unlink()
        return
    tree = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in tree.items() if value is not None}))
