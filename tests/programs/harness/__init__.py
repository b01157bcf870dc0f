# SPDX-License-Identifier: MIT
"""Runs real programs in private network namespaces and asks the kernel what they sent."""
