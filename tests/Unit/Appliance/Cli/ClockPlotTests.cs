// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Cli;
using Capbox.Packets.Pcapng;
using CsCheck;
using Xunit;

namespace Capbox.Tests;

/// <summary>The picture of capbox clock watch.</summary>
public class ClockPlotTests
{
    private static ClockSample At(double offset, double? bound) => new(bound is null ? ClockState.Unsynchronised : ClockState.Locked, offset, bound);

    [Fact]
    public void A_picture()
    {
        ClockSample[] samples = [At(0, null), At(100, 200), At(50, 150), At(0, 100), At(-50, 100), At(0, 100), At(25, 100)];
        Assert.Equal(
            [
                "    200 ns      -",
                "                 -",
                "",
                "                * ----",
                "                 *   *",
                "         0 ....*..*.*.",
                "                   *",
                "                  ----",
                "",
                "                 -",
                "   -200 ns     ?-",
                "                   now",
            ],
            ClockPlot.Draw(samples, 22, 12));
        // Newest on the right, as many as there is room for; and no picture where there is none.
        Assert.Equal("         0 ****...*.", ClockPlot.Draw([.. samples[..3], At(0, 1), At(500, 1000), At(500, 1000), At(500, 1000), At(0, 1), At(500, 1000)], 20, 12)[5]);
        Assert.Empty(ClockPlot.Draw(samples, 11, 12));
        Assert.Empty(ClockPlot.Draw(samples, 22, 4));
    }

    [Fact]
    public void Nothing_breaks_it_and_no_line_is_too_long() => Gen.Select(
        Gen.Select(Gen.Double[-1e13, 1e13], Gen.Double[0, 1e13], Gen.Bool, (o, b, claimed) => At(o, claimed ? b : null)).Array[0, 300], Gen.Int[-5, 200], Gen.Int[-5, 80]).ForAll((samples, width, height) =>
        {
            IReadOnlyList<string> lines = ClockPlot.Draw(samples, width, height);
            Assert.All(lines, l => Assert.InRange(l.Length, 0, width));
            Assert.InRange(lines.Count, 0, Math.Max(height, 0));
            if (width >= 12 && height >= 5)
                Assert.True(lines.Count >= height - 1 && lines.Count % 2 == 0, $"{lines.Count} lines of {height}");
        });
}
