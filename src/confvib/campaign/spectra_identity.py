"""Config hashes of the averaged spectra."""

from collections.abc import Mapping, Sequence

from confvib.campaign.config import Campaign
from confvib.campaign.identity import Identities, digest, plain


def spectra_inputs(identities: Identities, set_name: str) -> Mapping[str, Sequence[str]]:
    """Return the hashes of all tables that an average reads: those of a reduction."""
    return identities.reduction_inputs(set_name)


def averaged_spectra(campaign: Campaign, identities: Identities, set_name: str) -> str:
    """Return the hash of the averaged spectra of one set."""
    return digest(
        spectra_inputs(identities, set_name),
        plain(campaign.dynamics.spectrum, "blocks"),
        campaign.crystal.equivalence,
    )
