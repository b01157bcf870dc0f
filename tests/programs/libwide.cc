// SPDX-License-Identifier: MIT
#define FRAME "0x200008"
#include "plugin.h"
