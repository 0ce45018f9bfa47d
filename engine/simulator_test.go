package engine_test

import _ "github.com/flashlua/flashlua/engine/simulate" // the port sim: of the tests
