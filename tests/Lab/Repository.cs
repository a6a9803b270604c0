// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

namespace Capbox.Testing;

/// <summary>Where the sources of this repository are, seen from the running tests.</summary>
internal static class Repository
{
    /// <summary>The directory that holds Appliance.sln.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "Appliance.sln")))
                return at.FullName;
        }

        throw new InvalidOperationException("the tests do not run inside the repository");
    }
}
