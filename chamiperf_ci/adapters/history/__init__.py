"""Where the history lies: a folder, or a branch of a git repository that holds nothing else."""

from chamiperf_ci.adapters.history.branch import BranchHistory
from chamiperf_ci.adapters.history.folder import FolderHistory
from chamiperf_ci.adapters.history.store import HistoryStore

__all__ = ["BranchHistory", "FolderHistory", "HistoryStore"]
