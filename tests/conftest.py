"""Numerical ground rules for every test, and one store of compiled programs for all."""

import atexit
import os
import shutil
import tempfile

import jax

# All stages run with 64-bit types enabled and say which precision they want.
jax.config.update("jax_enable_x64", True)
# Results must not depend on the card: no TF32 in float32 products.
jax.config.update("jax_default_matmul_precision", "highest")

# Jobs of campaigns inherit it: compiling is the larger part of what small ones do, and
# many of them run the same programs.
if "CONFVIB_JAX_CACHE" not in os.environ:
    os.environ["CONFVIB_JAX_CACHE"] = tempfile.mkdtemp(prefix="confvib-jax-")
    atexit.register(shutil.rmtree, os.environ["CONFVIB_JAX_CACHE"], ignore_errors=True)
