// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Engine;
using CsCheck;
using Xunit;

namespace Capbox.Ptp.Tests.Protocol;

/// <summary>The data set comparison, figure by figure (IEEE 1588-2019 figures 34 and 35).</summary>
public sealed class DataSetTests
{
    private static readonly DataSet s_base = new(128, new(6, 0x21, 0x4E5D), 128, new(100), 0, new(new(100), 1), new(new(50), 1));

    public static TheoryData<string> Members => ["priority1", "class", "accuracy", "variance", "priority2", "identity"];

    [Theory]
    [MemberData(nameof(Members))]
    public void The_first_member_that_differs_decides(string member)
    {
        DataSet other = s_base with { Grandmaster = new(101), StepsRemoved = 5 };
        // Everything after the member speaks for the second one.
        DataSet worse = member switch
        {
            "priority1" => other with { Priority1 = 129, Quality = new(0, 0, 0), Priority2 = 0, Grandmaster = new(1) },
            "class" => other with { Quality = new(7, 0, 0), Priority2 = 0, Grandmaster = new(1) },
            "accuracy" => other with { Quality = new(6, 0x22, 0), Priority2 = 0, Grandmaster = new(1) },
            "variance" => other with { Quality = new(6, 0x21, 0x4E5E), Priority2 = 0, Grandmaster = new(1) },
            "priority2" => other with { Priority2 = 129, Grandmaster = new(1) },
            _ => other,
        };
        Assert.Equal(Preference.FirstBetter, DataSet.Compare(s_base, worse));
        Assert.Equal(Preference.SecondBetter, DataSet.Compare(worse, s_base));
    }

    [Fact]
    public void The_same_grandmaster_is_compared_by_its_way()
    {
        Assert.Equal(Preference.FirstBetter, DataSet.Compare(s_base, s_base with { StepsRemoved = 2, Priority1 = 0 }));
        Assert.Equal(Preference.SecondBetter, DataSet.Compare(s_base with { StepsRemoved = 2 }, s_base));
        // One step: the receiver's identity (50) against the sender's of the one that is further away.
        Assert.Equal(Preference.FirstBetter, DataSet.Compare(s_base, s_base with { StepsRemoved = 1 }));
        Assert.Equal(Preference.FirstBetterByTopology, DataSet.Compare(s_base, s_base with { StepsRemoved = 1, Sender = new(new(40), 1) }));
        Assert.Equal(Preference.OwnMessage, DataSet.Compare(s_base, s_base with { StepsRemoved = 1, Sender = new(new(50), 1) }));
        Assert.Equal(Preference.SecondBetterByTopology, DataSet.Compare(s_base with { StepsRemoved = 1, Sender = new(new(40), 1) }, s_base));
        Assert.Equal(Preference.FirstBetterByTopology, DataSet.Compare(s_base, s_base with { Sender = new(new(101), 1) }));
        Assert.Equal(Preference.SecondBetterByTopology, DataSet.Compare(s_base with { Sender = new(new(100), 2) }, s_base));
        Assert.Equal(Preference.Same, DataSet.Compare(s_base, s_base));
    }

    [Fact]
    public void Swapping_the_two_swaps_the_answer()
    {
        Gen<DataSet> any = Gen.Select(Gen.Byte[0, 1], Gen.Byte[0, 1], Gen.ULong[1, 3], Gen.Int[0, 3], Gen.ULong[1, 4])
            .Select((priority, quality, grandmaster, steps, sender) => s_base with { Priority1 = priority, Quality = new(quality, 0, 0), Grandmaster = new(grandmaster), StepsRemoved = steps, Sender = new(new(sender), 1) });
        Gen.Select(any, any).ForAll((a, b) =>
        {
            Preference expected = DataSet.Compare(a, b) switch
            {
                Preference.FirstBetter => Preference.SecondBetter,
                Preference.SecondBetter => Preference.FirstBetter,
                Preference.FirstBetterByTopology => Preference.SecondBetterByTopology,
                Preference.SecondBetterByTopology => Preference.FirstBetterByTopology,
                var same => same,
            };
            Assert.Equal(expected, DataSet.Compare(b, a));
        });
    }
}
