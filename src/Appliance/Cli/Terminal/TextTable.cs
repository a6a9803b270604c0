// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace Capbox.Cli;

/// <summary>Rows in aligned columns, two spaces apart. A column whose heading starts with '>' is aligned to the right.</summary>
internal sealed class TextTable(params string[] headings)
{
    private readonly List<string[]> _rows = [[.. headings.Select(h => h.TrimStart('>'))]];

    public void Add(params string[] cells) => _rows.Add(cells);

    public IEnumerable<string> Lines()
    {
        int[] widths = [.. headings.Select((_, column) => _rows.Max(row => row[column].Length))];
        foreach (string[] row in _rows)
        {
            StringBuilder line = new();
            for (int column = 0; column < row.Length; column++)
            {
                string cell = headings[column].StartsWith('>') ? row[column].PadLeft(widths[column]) : row[column].PadRight(widths[column]);
                line.Append(column == 0 ? "" : "  ").Append(cell);
            }

            yield return line.ToString().TrimEnd();
        }
    }
}
