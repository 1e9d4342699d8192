"""Numerical ground rules for every test."""

import jax

# All stages run with 64-bit types enabled and say which precision they want.
jax.config.update("jax_enable_x64", True)
# Results must not depend on the card: no TF32 in float32 products.
jax.config.update("jax_default_matmul_precision", "highest")
