# SPDX-License-Identifier: Apache-2.0
default_timeout: float | None
default_negative_timeout: float | None
