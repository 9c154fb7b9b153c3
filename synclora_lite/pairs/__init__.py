"""Training pairs: built, scored, filtered, realigned, and exchanged with other trainers.

`Generated` is in `synclora_lite.pairs.generated`, because it takes seconds to import.
"""

from synclora_lite.pairs.building import Builder, Drawn, Exact, add_files, build
from synclora_lite.pairs.exporting import export_pairs, import_pairs
from synclora_lite.pairs.filtering import Stage, failing, filter_pairs, funnel
from synclora_lite.pairs.manifest import Pair, locate, read_manifest, write_manifest
from synclora_lite.pairs.scoring import realign_pairs, score_pairs
