"""Synchronization: cue traces, correlation, lag, blinks, gestures, and one verdict with reasons."""

from synclora_lite.sync.blinks import match_blinks
from synclora_lite.sync.correlate import pearson, smooth, zscore
from synclora_lite.sync.report import SyncReport
from synclora_lite.sync.score import overlap, realign, score_clips, score_files, score_tracks
from synclora_lite.sync.traces import CUES, cue_traces
