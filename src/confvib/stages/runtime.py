"""How JAX runs in a job: precision, compilation cache."""

import os
import socket
from pathlib import Path

import jax


def configure_jax() -> None:
    """Allow float64, forbid TF32, and keep compiled programs between jobs.

    JAX multiplies float32 matrices in TF32 on some cards, which raises the noise of an
    NVE run eightfold and makes results depend on the card; 'highest' forbids it.
    """
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_default_matmul_precision", "highest")
    root = Path(os.environ.get("CONFVIB_JAX_CACHE", ".snakemake/jax_cache"))
    # Programs are compiled for the processor at hand; the next node may have another.
    cache = (root / socket.gethostname()).resolve()
    cache.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
