"""Trainings in processes of their own, which can be killed; they find the libraries imported."""

import multiprocessing
from contextlib import redirect_stderr
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["train.sft"])


def start_training(config, shard, out, log):
    """Start `train sft` without its command line; its messages go to a file."""
    process = _SERVER.Process(target=_train, args=(config, shard, out, log))
    process.start()
    return process


def run_training(config, shard, out, log):
    """Train to the end; return the exit code."""
    process = start_training(config, shard, out, log)
    process.join()
    return process.exitcode


def _train(config, shard, out, log):
    import torch

    from train.training import train_adapter

    torch.set_num_threads(1)
    with Path(log).open("w", buffering=1) as file, redirect_stderr(file):
        train_adapter(config, [str(shard)], out, None)
