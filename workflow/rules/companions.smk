# The whole workflow once more for each companion: another phase, or the exact reference.
# Its rules carry its name in front, its results lie in a folder of the campaign's.

for NAME, OVERLAID in COMPANIONS.items():
    MODULE = f"companion_{NAME}"
    PREFIX = f"{NAME}_"

    module:
        name: MODULE
        snakefile:
            "../../Snakefile"
        config:
            OVERLAID

    use rule * from MODULE as PREFIX*
