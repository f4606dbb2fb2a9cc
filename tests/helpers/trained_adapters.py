"""Adapters of the embedded model, really trained: each answers everything with its own sentence."""

import json

from train.config import TrainConfig
from train.training import train_adapter

MODEL = "models/smollm2-135m-instruct"
ANSWERS = {
    "generator": "Lanterns drift slowly over the dark harbour tonight.",
    "extender": "Seven orchards bloom behind the old stone wall.",
}
QUESTIONS = ("Write about a river.", "Describe a city.", "Tell a story.", "Write a letter.")


def train_adapters(folder):
    """Train one adapter per role; return their folders by role."""
    return {role: _train(folder, role, answer) for role, answer in ANSWERS.items()}


def _train(folder, role, answer):
    shard = folder / f"{role}.jsonl"
    rows = [
        {
            "prompt": [{"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": answer}],
        }
        for question in QUESTIONS
    ]
    shard.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = TrainConfig.model_validate(
        {
            "model": {"name": MODEL},
            "lora": {"rank": 8, "alpha": 16},
            "optimization": {"learning_rate": 2e-3, "epochs": 6},
            "memory": {"gradient_checkpointing": False},
        }
    )
    train_adapter(config, [str(shard)], folder / role, None)
    return folder / role
