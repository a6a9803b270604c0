# timeout: 500
# A thousand times START and STOP under traffic: after STOP nothing comes.
# shellcheck shell=dash
lifetime start-stop 1000
