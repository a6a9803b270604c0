// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;

/// <summary>A file of the repository that is made from the code. With CAPBOX_WRITE_DOCS=1 in the environment a test writes it; otherwise the test compares it.</summary>
internal static class GeneratedFile
{
    /// <summary>The text as the repository has it, after it was written where that is asked for.</summary>
    /// <param name="path">Of the file.</param>
    /// <param name="make">Makes the text from the present one.</param>
    public static (string Expected, string Actual) Compare(string path, Func<string, string> make)
    {
        string present = File.Exists(path) ? File.ReadAllText(path) : "";
        string made = make(present);
        if (Environment.GetEnvironmentVariable("CAPBOX_WRITE_DOCS") != "1")
            return (made, present);
        File.WriteAllText(path, made);
        return (made, made);
    }
}
