package results

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/flashlua/flashlua/engine/internal/page"
)

//go:embed page.html
var pageText string

// formats are the functions of the page.
var formats = template.FuncMap{
	"style":   page.Style,
	"percent": func(share float64) string { return fmt.Sprintf("%.0f %%", share*100) },
	"seconds": func(ns int64) string { return fmt.Sprintf("%.1f s", time.Duration(ns).Seconds()) },
	"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// WriteHTML writes the summary as a page that needs no other file and no script.
func (s *Summary) WriteHTML(w io.Writer) error {
	t, err := template.New("page").Funcs(formats).Parse(pageText) // not at the start of every command
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, s); err != nil {
		return err
	}
	_, err = io.WriteString(w, b.String())
	return err
}
