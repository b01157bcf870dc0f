// SPDX-License-Identifier: MIT
#define FRAME "0x18"
#include "plugin.h"
