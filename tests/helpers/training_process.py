"""Trainings in processes of their own, which can be killed; they find the libraries imported."""

import multiprocessing
import os
import resource
import sys
from contextlib import redirect_stderr
from pathlib import Path

import click

from selflengthen.errors import CommandError

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["train.sft", "matplotlib.pyplot", "vllm.lora.lora_model"])


def start_training(config, shard, out, log, environment=(), max_file_bytes=None):
    """Start `train sft` without its command line; its messages go to a file."""
    arguments = (config, shard, out, log, dict(environment), max_file_bytes)
    process = _SERVER.Process(target=_train, args=arguments)
    process.start()
    return process


def run_training(config, shard, out, log):
    """Train to the end; return the exit code."""
    process = start_training(config, shard, out, log)
    process.join()
    return process.exitcode


def _train(config, shard, out, log, environment, max_file_bytes):
    import torch

    from train.training import train_adapter

    os.environ |= {**environment, "ACCELERATE_USE_CPU": "true"}
    torch.set_num_threads(1)
    if max_file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, resource.RLIM_INFINITY))
    with Path(log).open("w", buffering=1) as file, redirect_stderr(file):
        try:
            train_adapter(config, [str(shard)], out, None)
        except CommandError as error:
            click.echo(str(error), err=True)
            sys.exit(error.exit_code)
