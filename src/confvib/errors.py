"""Every error that confvib raises on purpose: value found, value expected."""


class CampaignError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(CampaignError):
    """The configuration names an unknown key, a wrong value or a missing file."""


class CrystalError(CampaignError):
    """A structure cannot serve as the parent crystal."""


class EnumerationError(CampaignError):
    """Site counts or distance rules leave no configuration, or a self-check failed."""


class TableError(CampaignError):
    """A Parquet table has the wrong schema, provenance or content."""


class LabelError(CampaignError):
    """A reference calculation cannot be run, parsed or trusted."""


class ModelError(CampaignError):
    """A force field, its settings or its checkpoint do not fit together."""


class TrainingError(CampaignError):
    """The labelled data cannot train the requested force field."""


class DynamicsError(CampaignError):
    """A relaxation, Hessian or molecular-dynamics request cannot be carried out."""


class DeviceError(CampaignError):
    """The devices of a node are not those that a job asks for, or one of them failed."""


class ThermodynamicsError(CampaignError):
    """Spectra, energies or weights violate what statistical mechanics requires."""


class GridError(ThermodynamicsError):
    """A grid is empty, non-positive or not strictly increasing."""


class SumRuleError(ThermodynamicsError):
    """A density of states is negative or does not count the modes it must."""


class Interrupted(CampaignError):  # noqa: N818 - no error: it goes on next time
    """A job was asked to stop; its progress is saved for the next attempt."""
