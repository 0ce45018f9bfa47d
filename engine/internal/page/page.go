// Package page has the style that the pages of flashlua share, so that they need no other file. It does not know what
// they show. It is not meant for embedders.
package page

import (
	_ "embed"
	"html/template"
)

//go:embed style.css
var style string

// Style returns the style sheet, the content of an element of type style.
func Style() template.CSS { return template.CSS(style) }
