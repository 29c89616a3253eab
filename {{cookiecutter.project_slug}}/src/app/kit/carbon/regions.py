"""Where the electricity is clean: cloud regions by the carbon intensity of their grid."""

import msgspec

SOURCE = "Google Cloud, Carbon free energy for Google Cloud regions, data of 2025: average of the local grid"
MOST_GRAMS = 100
"""gCO2e/kWh up to which a grid is called a low-carbon one here."""


class Region(msgspec.Struct, frozen=True):
    """A place where computers can be rented."""

    place: str
    grams: float
    """gCO2e/kWh."""
    google: str
    neighbours: str
    """Regions of others in the same country or province, and so on the same grid or close to it."""


REGIONS = (
    Region("Montréal", 11, "northamerica-northeast1", "AWS ca-central-1, Azure canadaeast"),
    Region("Paris", 16, "europe-west9", "AWS eu-west-3, Azure francecentral"),
    Region("Stockholm", 19, "europe-north2", "AWS eu-north-1, Azure swedencentral"),
    Region("Zürich", 21, "europe-west6", "AWS eu-central-2, Azure switzerlandnorth"),
    Region("Finland", 30, "europe-north1", ""),
    Region("São Paulo", 73, "southamerica-east1", "AWS sa-east-1, Azure brazilsouth"),
    Region("Toronto", 74, "northamerica-northeast2", "Azure canadacentral"),
    Region("Madrid", 96, "europe-southwest1", "AWS eu-south-2, Azure spaincentral"),
    Region("Oregon", 98, "us-west1", "AWS us-west-2"),
    Region("London", 109, "europe-west2", "AWS eu-west-2, Azure uksouth"),
    Region("Frankfurt", 276, "europe-west3", "AWS eu-central-1, Azure germanywestcentral"),
    Region("Northern Virginia", 343, "us-east4", "AWS us-east-1, Azure eastus"),
    Region("Mumbai", 598, "asia-south1", "AWS ap-south-1"),
)


def regions_table() -> str:
    """Return the table that `poe carbon --regions` prints."""
    lines = [f"{'gCO2e/kWh':>9}  {'place':<18} {'Google Cloud':<24} in the same country or province"]
    low = [region for region in REGIONS if region.grams <= MOST_GRAMS]
    for region in REGIONS:
        if region is REGIONS[len(low)]:
            lines.append("          … and, to compare:")
        lines.append(f"{region.grams:>9}  {region.place:<18} {region.google:<24} {region.neighbours}".rstrip())
    return "\n".join(
        [*lines, "", f"Source: {SOURCE}.", "What a provider buys in certificates is not in these figures."]
    )
