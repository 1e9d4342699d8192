"""Settings of a training."""

from dataclasses import dataclass, field

from confvib.errors import TrainingError
from confvib.forcefield.network import So3kratesSettings


@dataclass(frozen=True)
class TrainingSettings:
    """How to fit; the defaults are the paper's (its section 5.2, mlff for the rest).

    Attributes:
        network: Architecture.
        learning_rate: Initial learning rate of Adam.
        decay_factor: Factor on the learning rate every ``decay_steps`` steps.
        decay_steps: Optimiser steps between two decays.
        batch_size: Frames per step.
        max_epochs: Passes over the training frames at most.
        patience: Epochs without a better validation loss before stopping.
        beta: Weight of the forces in the loss, 0 to 1.
        clip_norm: Largest global norm of a gradient; the paper names none (infinity),
            but single hot frames otherwise throw a short training off course.
        microbatch: Frames of a batch in memory at a time, a divisor of ``batch_size``;
            None for all. It changes the order of sums, and nothing else.
        energy_shifts_eV: Species and the energy [eV/atom] that the network does not
            learn; the mean energy of what remains is taken off in any case.

    Raises:
        TrainingError: A value is outside its domain.
    """

    network: So3kratesSettings = field(default_factory=So3kratesSettings)
    learning_rate: float = 1e-3
    decay_factor: float = 0.9
    decay_steps: int = 10_000
    batch_size: int = 10
    max_epochs: int = 1_000
    patience: int = 200
    beta: float = 0.99
    clip_norm: float = 1.0
    microbatch: int | None = None
    energy_shifts_eV: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name in ("decay_steps", "batch_size", "max_epochs", "patience"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} must be >= 1, got {getattr(self, name)}")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} must be > 0, got {getattr(self, name)}")
        for name in ("decay_factor", "beta"):
            if not 0 < getattr(self, name) <= 1:
                raise TrainingError(
                    f"{name} must be in (0, 1], got {getattr(self, name)}"
                )
        if self.microbatch is not None and not (
            0 < self.microbatch <= self.batch_size
            and self.batch_size % self.microbatch == 0
        ):
            raise TrainingError(
                f"microbatch must divide batch_size {self.batch_size}, "
                f"got {self.microbatch}"
            )

    @property
    def frames_at_once(self) -> int:
        """Frames in memory at a time."""
        return self.microbatch or self.batch_size
