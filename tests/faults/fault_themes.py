"""All themes of the catalogue."""

from faults_baselines import BASELINES
from faults_concurrency import CONCURRENCY
from faults_credentials import CREDENTIALS
from faults_disk import DISK
from faults_generator import GENERATOR
from faults_github import GITHUB
from faults_metrics import METRICS
from faults_road import ROAD
from faults_stack import STACK

THEMES = (STACK, CREDENTIALS, GENERATOR, DISK, METRICS, GITHUB, CONCURRENCY, BASELINES, ROAD)
