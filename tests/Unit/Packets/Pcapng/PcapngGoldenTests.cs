// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Pcapng;
using Xunit;

namespace Capbox.Tests;

/// <summary>
/// The format, byte for byte; Integration has what readers that nobody here wrote see. After a wanted change of the format:
/// <c>CAPBOX_UPDATE_GOLDEN=1</c> writes the files anew; the diff belongs to the same commit as docs/internals/segments.md.
/// </summary>
public sealed class PcapngGoldenTests
{
    private static readonly string s_golden = Path.Combine(Repository.Root, "tests", "golden");

    [Theory]
    [InlineData(TestSegment.SealedName)]
    [InlineData(TestSegment.SealedName + ".part")]
    [InlineData("20261123T083000.123456789Z-0000000042.filler.pcapng")]
    public void The_format_is_byte_for_byte_what_it_was(string name)
    {
        byte[] built = name.EndsWith(".part", StringComparison.Ordinal) ? TestSegment.Small().InProgress()
            : name.Contains("filler", StringComparison.Ordinal) ? TestSegment.Small().AddFiller(8192).Sealed(TrailerFlags.Repaired | TrailerFlags.HasFiller)
            : TestSegment.Small().Sealed();
        string path = Path.Combine(s_golden, name);
        if (Environment.GetEnvironmentVariable("CAPBOX_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(s_golden);
            File.WriteAllBytes(path, built);
        }

        Assert.Equal(File.ReadAllBytes(path), built);
    }
}
