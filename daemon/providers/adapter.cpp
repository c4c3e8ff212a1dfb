#include "daemon/providers/adapter.h"
