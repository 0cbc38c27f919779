# SPDX-License-Identifier: Apache-2.0
"""One module per part of the pipeline, one class per behaviour; each docstring is a sentence an engineer can check."""
