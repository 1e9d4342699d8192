"""Several devices share a batch; one device works as if this module did not exist."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = "frames"


def frame_sharding(n_frames: int) -> NamedSharding | None:
    """Lay the frames of a batch out over as many devices as divide their number.

    Args:
        n_frames: Frames evaluated together.

    Returns:
        Layout of a leading axis of frames; None where one device does all.
    """
    devices = jax.local_devices()
    most = min(n_frames, len(devices))
    n_devices = next(n for n in range(most, 0, -1) if n_frames % n == 0)
    if n_devices == 1:
        return None
    mesh = Mesh(np.array(devices[:n_devices]), (_AXIS,))
    return NamedSharding(mesh, PartitionSpec(_AXIS))


def everywhere(tree: Any, sharding: NamedSharding | None) -> Any:
    """Copy arrays to every device of a layout; leave them where they are without one."""
    if sharding is None:
        return tree
    return jax.device_put(tree, _whole(sharding))


def constrain(tree: Any, sharding: NamedSharding | None, *, whole: bool = False) -> Any:
    """Tell the compiler which part of arrays each device holds.

    Args:
        tree: Arrays within a compiled function.
        sharding: Layout of the leading axis; None changes nothing.
        whole: Every device holds all of them instead.

    Returns:
        The same values.
    """
    if sharding is None:
        return tree
    layout = _whole(sharding) if whole else sharding
    return jax.lax.with_sharding_constraint(tree, layout)


def scattered(batch: Any) -> Any:
    """Move the frames of a batch to the devices that can share them evenly."""
    sharding = frame_sharding(len(jax.tree.leaves(batch)[0]))
    return batch if sharding is None else jax.device_put(batch, sharding)


def on_host(tree: Any) -> Any:
    """Collect arrays that several devices hold; leave those of one where they are."""
    return tree if len(jax.local_devices()) == 1 else jax.tree.map(np.asarray, tree)


def _whole(sharding: NamedSharding) -> NamedSharding:
    return NamedSharding(sharding.mesh, PartitionSpec())
