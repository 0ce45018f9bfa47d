package enginetest

import "github.com/flashlua/flashlua/engine/internal/flashtest"

// Medium is a medium of the station with faults. It is a FUSE file, which needs Linux.
type Medium = flashtest.Medium
