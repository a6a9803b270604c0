// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Config;
using Capbox.Platform.Json;
using Xunit;

namespace Capbox.Tests;

/// <summary>The schema and the tables of the manual are made from the declarations of the keys.</summary>
public class ConfigManualTests
{
    private static readonly string s_docs = Path.Combine(Repository.Root, "docs", "reference");

    [Fact]
    public void The_schema_is_made_from_the_declarations()
    {
        (string expected, string actual) = GeneratedFile.Compare(Path.Combine(s_docs, "capbox.schema.json"), _ => ConfigSchema.Text());
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void The_tables_of_the_manual_are_made_from_the_declarations()
    {
        (string expected, string actual) = GeneratedFile.Compare(Path.Combine(s_docs, "config.md"), WithTables);
        Assert.Equal(expected, actual);
    }

    /// <summary>The manual with the table of each section between its two marks.</summary>
    private static string WithTables(string manual)
    {
        StringBuilder text = new(manual);
        foreach ((string path, SectionKey section) in ConfigKeys.Tables)
        {
            string begin = $"<!-- keys of {path} -->\n";
            string now = text.ToString();
            int from = now.IndexOf(begin, StringComparison.Ordinal);
            Assert.True(from >= 0, $"config.md has no mark {begin}");
            from += begin.Length;
            int to = now.IndexOf("<!-- end -->", from, StringComparison.Ordinal);
            text.Remove(from, to - from).Insert(from, section.Table());
        }

        return text.ToString();
    }
}
