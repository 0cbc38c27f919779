# SPDX-License-Identifier: Apache-2.0
import unittest

class BaseTest(unittest.TestCase): ...
