namespace Capbox.Commands;

/// <summary>A request that was not carried out; the message is the answer's error, one line.</summary>
public sealed class ControlException : Exception
{
    public ControlException()
    {
    }

    public ControlException(string message) : base(message)
    {
    }

    public ControlException(string message, Exception inner) : base(message, inner)
    {
    }
}
