// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Packets.Storage;

namespace Capbox.Packets.Capture;

/// <summary>
/// The box and the ports by their place, for segment headers: the interfaces of a port have the same numbers in all segments of a plan.
/// Immutable; a change of configuration makes the next one. A port keeps its place from plan to plan, since blocks that it is filling
/// contain it; the place of a port that was taken out stays, without packets, until another port gets it.
/// </summary>
/// <param name="Places">The ports, at most <see cref="MaxPorts"/>.</param>
/// <param name="Storage">How segments are written.</param>
/// <param name="Serial">Of the box.</param>
/// <param name="Revision">Of the configuration.</param>
internal sealed record RecordingPlan(IReadOnlyList<PortOptions> Places, StorageOptions Storage, string Serial, ulong Revision)
{
    /// <summary>Ports of a recorder.</summary>
    public const int MaxPorts = 16;

    public static RecordingPlan First(RecorderOptions options) =>
        new(options.Ports, options.Storage, options.Serial, options.ConfigRevision);

    /// <summary>Ports keep their places, new ones take free ones.</summary>
    public RecordingPlan Next(RecorderOptions options)
    {
        List<PortOptions> places = [.. Places];
        HashSet<string> wanted = [.. options.Ports.Select(p => p.Name)];
        foreach (PortOptions port in options.Ports)
        {
            int place = places.FindIndex(p => p.Name == port.Name);
            if (place < 0)
                place = places.FindIndex(p => !wanted.Contains(p.Name));
            if (place < 0)
                places.Add(port);
            else
                places[place] = port;
        }

        // Unused places at the end need not be listed.
        while (places.Count > 0 && !wanted.Contains(places[^1].Name))
            places.RemoveAt(places.Count - 1);
        return new RecordingPlan(places, options.Storage, options.Serial, options.ConfigRevision);
    }

    public int PlaceOf(string port)
    {
        for (int place = 0; place < Places.Count; place++)
        {
            if (Places[place].Name == port)
                return place;
        }

        throw new ArgumentException($"{port} is no port of the plan", nameof(port));
    }
}
