"""Print the JSON schema of the configuration: ``python -m confvib.campaign.schema``."""

import json
import sys

from confvib.campaign.config import Campaign


def schema_text() -> str:
    """Return the schema as config/config.schema.json holds it."""
    schema = Campaign.model_json_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
