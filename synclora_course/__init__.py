"""The course around `synclora_lite`: exercise checks, explorers, and the notebooks made for it.

It imports `synclora_lite`; never the other way round.
"""
