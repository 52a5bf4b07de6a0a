#!/bin/sh
# Print a Python that can make the project's environment, or say what to install.
found= lacking= other=
for python in python3.13 python3.12 python3.11 python3 python; do
  version=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
  case "$version" in
    '') ;;
    3.11|3.12|3.13)
      if $python -c 'import ensurepip, venv' 2>/dev/null; then found=$python; break; fi
      lacking=$version ;;
    *) other="$other $python is $version;" ;;
  esac
done
if [ -n "$found" ]; then
  echo "$found"
elif [ -n "$lacking" ]; then
  echo "Python $lacking is here, but not its venv module." \
    "Debian and Ubuntu: sudo apt install python$lacking-venv" >&2
  exit 1
else
  echo "This needs Python 3.11, 3.12 or 3.13;${other:- none is here.} Install one:" \
    "Debian and Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.13;" \
    "else https://www.python.org/downloads" >&2
  exit 1
fi
