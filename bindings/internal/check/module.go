package check

import "strings"

// module is a file that the script requires.
type module struct {
	Module
	file   *file
	chunk  *function
	walked bool // in this walk
}

// require walks a module of the script's own, and returns what is known of its value. A library that
// comes with flashlua has the class of its name, if there is one.
func (c *checker) require(name string) value {
	if strings.HasPrefix(name, "lib.") && readStub().classes[name] != nil {
		return object(name)
	}
	m, seen := c.modules[name]
	if !seen {
		text, ok := c.in.Module(name)
		if ok {
			m = &module{Module: text, file: newFile(text.File, text.Text), chunk: &function{calls: map[*function]bool{}}}
			c.files, c.chunks, c.modules[name], c.changed = append(c.files, m.file), append(c.chunks, m.chunk), m, true
		}
	}
	if m == nil {
		return unknown
	}
	if !m.walked {
		m.walked = true
		file, f, handles := c.file, c.function, c.handles
		c.file, c.function, c.handles = m.file, m.chunk, nil
		m.chunk.denied = nil
		c.block(m.Tree, &scope{})
		c.file, c.function, c.handles = file, f, handles
	}
	return m.chunk.results[0]
}
