// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Ptp.Messages;

namespace Capbox.Ptp.Engine;

/// <summary>Result of comparing two data sets (IEEE 1588-2019 clause 9.3.4).</summary>
public enum Preference
{
    /// <summary>Both come from the same message: error-2.</summary>
    Same,
    FirstBetter,

    /// <summary>The same grandmaster over a better path.</summary>
    FirstBetterByTopology,
    SecondBetter,
    SecondBetterByTopology,

    /// <summary>A message came back to its sender: error-1.</summary>
    OwnMessage,
}

/// <summary>The data set that masters are compared by: a grandmaster and the path to it (IEEE 1588-2019 table 29).</summary>
/// <param name="Sender">Port that sent the Announce.</param>
/// <param name="Receiver">Port that received it.</param>
public readonly record struct DataSet(
    byte Priority1,
    ClockQualityField Quality,
    byte Priority2,
    ClockIdentity Grandmaster,
    int StepsRemoved,
    PortIdentity Sender,
    PortIdentity Receiver)
{
    public static DataSet From(in PtpMessage announce, PortIdentity receiver) => new(
        announce.Announce.Priority1,
        announce.Announce.Quality,
        announce.Announce.Priority2,
        announce.Announce.Grandmaster,
        announce.Announce.StepsRemoved,
        announce.Header.Source,
        receiver);

    /// <summary>The comparison of figures 34 and 35.</summary>
    public static Preference Compare(in DataSet first, in DataSet second) =>
        first.Grandmaster == second.Grandmaster ? CompareWay(first, second) : CompareGrandmaster(first, second);

    /// <summary>Whether the first is better, by quality or by topology.</summary>
    public static bool IsBetter(in DataSet first, in DataSet second) =>
        Compare(first, second) is Preference.FirstBetter or Preference.FirstBetterByTopology;

    /// <summary>Different grandmasters (figure 34): at the first difference, the lower number wins.</summary>
    private static Preference CompareGrandmaster(in DataSet a, in DataSet b)
    {
        int order = a.Priority1.CompareTo(b.Priority1);
        if (order == 0)
            order = a.Quality.Class.CompareTo(b.Quality.Class);
        if (order == 0)
            order = a.Quality.Accuracy.CompareTo(b.Quality.Accuracy);
        if (order == 0)
            order = a.Quality.Variance.CompareTo(b.Quality.Variance);
        if (order == 0)
            order = a.Priority2.CompareTo(b.Priority2);
        if (order == 0)
            order = a.Grandmaster.CompareTo(b.Grandmaster);
        return order < 0 ? Preference.FirstBetter : Preference.SecondBetter;
    }

    /// <summary>
    /// The same grandmaster (figure 35): fewer steps win; a difference of one wins only if the message did not come back to its sender.
    /// </summary>
    private static Preference CompareWay(in DataSet a, in DataSet b)
    {
        if (a.StepsRemoved > b.StepsRemoved + 1)
            return Preference.SecondBetter;
        if (a.StepsRemoved + 1 < b.StepsRemoved)
            return Preference.FirstBetter;
        if (a.StepsRemoved > b.StepsRemoved)
            return Adjacent(a, Preference.SecondBetter, Preference.SecondBetterByTopology);
        if (a.StepsRemoved < b.StepsRemoved)
            return Adjacent(b, Preference.FirstBetter, Preference.FirstBetterByTopology);
        int order = a.Sender.CompareTo(b.Sender);
        if (order == 0)
            order = a.Receiver.Port.CompareTo(b.Receiver.Port);
        return order switch
        {
            < 0 => Preference.FirstBetterByTopology,
            > 0 => Preference.SecondBetterByTopology,
            _ => Preference.Same,
        };
    }

    /// <summary>One step further away: the receiver of that message may be on either side of its sender.</summary>
    private static Preference Adjacent(in DataSet further, Preference otherBetter, Preference otherBetterByTopology) =>
        further.Receiver.Clock.CompareTo(further.Sender.Clock) switch
        {
            < 0 => otherBetter,
            > 0 => otherBetterByTopology,
            _ => Preference.OwnMessage,
        };
}
