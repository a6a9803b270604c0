// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Capbox.Platform.Linux;

namespace Capbox.Packets.Capture;

/// <summary>
/// The network namespace that a port's interface is in, ours or another, and the sockets through which it is asked there. Backends open
/// what they capture with in <see cref="Run"/>. It keeps the namespace alive, so it is held only while it <see cref="IsCurrent"/>. Of the
/// supervisor's thread, but for <see cref="Watch"/>.
/// </summary>
internal sealed class PortNamespace : IDisposable
{
    private readonly NetNamespace? _space;

    private PortNamespace(NetNamespace? space)
    {
        _space = space;
        Links = Run(static () => new LinkControl());
        try
        {
            Watch = space?.Run(static () => new LinkWatch());
        }
        catch
        {
            Links.Dispose();
            throw;
        }
    }

    public LinkControl Links { get; }

    /// <summary>Of another namespace; null for ours, whose watch the recorder has.</summary>
    public LinkWatch? Watch { get; }

    /// <summary>False when another namespace's name or path leads to something else or nowhere.</summary>
    public bool IsCurrent => _space?.IsCurrent ?? true;

    /// <summary>Opens the namespace; null if there is none of this name or path.</summary>
    /// <param name="netns">Null: ours.</param>
    /// <exception cref="IOException">It is none, or may not be opened or entered; the message names its path.</exception>
    public static PortNamespace? TryOpen(string? netns)
    {
        if (netns is null)
            return new PortNamespace(null);
        NetNamespace? space = NetNamespace.TryOpen(netns);
        try
        {
            return space is null ? null : new PortNamespace(space);
        }
        catch
        {
            space?.Dispose();
            throw;
        }
    }

    /// <summary>Interface of a port, for a segment's header; null if it is not there. From any thread.</summary>
    public static Link? FindLink(PortOptions port)
    {
        try
        {
            using PortNamespace? space = TryOpen(port.Netns);
            return space is null ? null : Link.Find(space.Links, port.Interface);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Does something inside the namespace; see <see cref="NetNamespace.Run"/> for what it may not do there.</summary>
    /// <exception cref="IOException">The namespace may not be entered.</exception>
    public T Run<T>(Func<T> work) => _space is null ? work() : _space.Run(work);

    public void Dispose()
    {
        Watch?.Dispose();
        Links.Dispose();
        _space?.Dispose();
    }
}
