"""Synchronization: cue traces, correlation, lag, blinks, gestures, and one verdict with reasons."""

from synclora_lite.sync.blinks import BlinkScore, blink_events, match_blinks
from synclora_lite.sync.correlate import combined_lag, lag_between, pearson, smooth, zscore
from synclora_lite.sync.realign import Realigned, overlap, realign
from synclora_lite.sync.report import CueScore, GestureScore, OffsetScore, SyncReport
from synclora_lite.sync.score import score_clips, score_tracks
from synclora_lite.sync.sides import score_files
from synclora_lite.sync.traces import BODY_CUES, CUES, cue_traces

__all__ = [
    "BODY_CUES",
    "CUES",
    "BlinkScore",
    "CueScore",
    "GestureScore",
    "OffsetScore",
    "Realigned",
    "SyncReport",
    "blink_events",
    "combined_lag",
    "cue_traces",
    "lag_between",
    "match_blinks",
    "overlap",
    "pearson",
    "realign",
    "score_clips",
    "score_files",
    "score_tracks",
    "smooth",
    "zscore",
]
